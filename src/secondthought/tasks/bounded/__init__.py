"""Checks that may take any time on hostile text run in a process of their own, whose limits the kernel keeps."""
