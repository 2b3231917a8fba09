# SPDX-License-Identifier: GPL-2.0
# The photograph of the demonstration, for the Makefile that installs and uses
# it: Grace Hopper's portrait by the US Navy (public domain), JPEG, 512 x 600.
PHOTO_PACKAGE := python-matplotlib-data
PHOTO := /usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
