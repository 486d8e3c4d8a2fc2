"""The writing of thoughts about Countdown problems, searched for and put into words: priming sets are made of them."""
