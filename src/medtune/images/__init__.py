"""Images as numbers: read from DICOM, NIfTI, PNG and JPEG, made ready for a model, kept by hash.

Shapes, in all modules: F frames, R rows, C columns. Rows go down and columns go right as a
radiologist sees the image: in axial frames the patient's right is on the left, the front is above.
"""
