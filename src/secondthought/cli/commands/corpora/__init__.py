"""The commands of `secondthought corpora`, a module each."""
