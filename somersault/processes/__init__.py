"""What holds for every process that we start: the code that it may run, and the files that it may read or leave readable."""
