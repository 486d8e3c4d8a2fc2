"""The commands, a file or folder each: parse, call one library function, print."""
