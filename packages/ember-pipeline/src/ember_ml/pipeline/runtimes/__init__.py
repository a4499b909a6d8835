"""Where actors and stages live: in this process, or on a cluster."""
