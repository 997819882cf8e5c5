"""What goes wrong and why, for everyone: demonstrations that can be run before an audience."""

from vaeexplorer.ui import controls
from vaeexplorer.ui.components.laboratory import laboratory

controls.heading("Lab", "What goes wrong and why: short experiments that run before your eyes.")
laboratory("laboratory")
