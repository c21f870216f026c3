"""Faults of the embedded cloud: what can be ordered, in a cloud's own words, by name or by hand.

`orders` is the queue, `gke` and `kube` are what the two servers can be made to do, `catalogue` names them, `book`
orders by name, `control` takes orders over HTTP, and `command` is `overspill-local fault`. The servers import only the
first three; what a fault does to a cluster or a request is said in them.
"""
