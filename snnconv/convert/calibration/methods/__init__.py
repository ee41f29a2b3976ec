"""The methods of calibration, one file each; each registers itself (see `snnconv.convert.calibration.method`)."""
