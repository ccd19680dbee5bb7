"""What Waybill costs beside the raw limits of the same machine and database: `make bench`."""
