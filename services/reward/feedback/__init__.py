"""The preference log as training sees it: answers, the comparisons they make, the weights of labelers."""
