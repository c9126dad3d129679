"""Tests of the pages in a browser, and of their functions in Node.js."""
