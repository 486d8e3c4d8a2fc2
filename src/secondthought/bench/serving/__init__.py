"""What the proxy costs, and whether it loses anything: clients, proxy and upstream are processes of their own."""
