"""The records of transport: businesses, transport orders, consignments, goods."""
