"""One poll for all waits of a triggerer process."""
