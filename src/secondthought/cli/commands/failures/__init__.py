"""`secondthought failures ...` collects failed tries: of a model that is asked, or from logs of others."""
