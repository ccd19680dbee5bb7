"""The Model Context Protocol, as Waybill speaks it to servers: messages, ways and sessions."""
