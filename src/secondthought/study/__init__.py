"""Several runs and what they say together: arms, jobs, the queue that works them off."""
