"""The shipped problems: honest tools and requests that the generator words, without any data set."""
