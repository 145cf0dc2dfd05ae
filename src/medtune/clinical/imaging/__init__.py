"""Images in the clinic: places, agreement of outlines, drafts, overlays and DICOM objects.

Left and right are those of the image. In a standard axial or frontal view the left of the image is
the patient's right.
"""
