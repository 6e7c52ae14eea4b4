"""Tasks that fetch what an execution left."""
