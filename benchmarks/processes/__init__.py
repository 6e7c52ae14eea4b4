"""What is measured, and the servers it talks to: each runs in a process of its own."""
