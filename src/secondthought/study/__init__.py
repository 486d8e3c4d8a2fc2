"""A study is several runs and what they say together: arms, jobs, and the queue that works the jobs off."""
