"""The schemes of data specs, one file each; each registers itself (see `snnconv.data.scheme`)."""
