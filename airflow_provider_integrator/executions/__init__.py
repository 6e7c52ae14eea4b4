"""What every task does with an execution: wait for it, judge it, report it."""
