"""The preference log as training sees it: answers, the comparisons they make, and the weights of labelers."""
