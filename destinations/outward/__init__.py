"""The way out of Waybill: what may be called, how it is called, and what is kept open."""
