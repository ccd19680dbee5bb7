"""How messages are sent through the client libraries of brokers, which are large.

`destinations.brokers.batches` loads the module of a broker when something is first sent to it.
"""
