"""The commands live here, a file or folder each: it parses, calls the library, and prints."""
