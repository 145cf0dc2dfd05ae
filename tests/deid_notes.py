"""Invented notes for the tests of de-identification. No name, number or place is of anybody."""

ENGLISH = """\
Patient Name: Harriet J. Oakenfold        MRN: 448-21-907   DOB: 02/11/1958
Admitted: 03/02/2023   Discharged: 03/09/2023
Attending: Dr. Milton Vandersloot, MD   Phone: (617) 555-0142   Fax: 617-555-0199
Address: 48 Juniper Street, Apt 3C, Worcester, MA 01608
Insurance ID: XKJ883920   SSN: 219-45-6789   Account: 55920018
Mrs. Oakenfold is a 65-year-old woman seen by Dr. Vandersloot on March 4, 2023 at Elmwood
General Hospital. Her daughter Susan called from 617.555.0177. She works at Brightwater Ltd.
E-mail h.oakenfold@mailbox.org, portal https://portal.elmwood.org/u/9912, host 10.44.3.12.
Pacemaker serial number SN-4471829. Drivers license number S55293011. Plate: 7ABC123.
Electronically signed by: Priya Raghunathan, RN 03/09/2023 14:30
"""
ENGLISH_SECRETS = (
    "Harriet", "Oakenfold", "448-21-907", "02/11/1958", "03/02/2023", "03/09/2023", "Milton",
    "Vandersloot", "555-0142", "555-0199", "Juniper", "Worcester", "01608", "XKJ883920",
    "219-45-6789", "55920018", "March 4", "Elmwood", "Susan", "555.0177", "Brightwater",
    "h.oakenfold", "portal.elmwood", "10.44.3.12", "4471829", "S55293011", "7ABC123", "Priya",
    "Raghunathan",
)  # fmt: skip

SPANISH = """\
Nombre: Leocadia.
Apellidos: Barrientos Olmedilla.
NHC: 7719204.
NASS: 28 61544098 31.
Domicilio: Calle de los Alfareros 37, 4º B.
Localidad/ Provincia: Cuenca.
CP: 16004.
Fecha de nacimiento: 14/08/1951.
Edad: 71 años Sexo: M.
Fecha de ingreso: 02/03/2023.
Médico: Evaristo Montalbán Quiroga NºCol: 16 16 40921.
Paciente de 71 años con enfermedad de Parkinson, ingresada el 2 de marzo de 2023. Leocadia vive en
Cuenca con su hijo. DNI 12345678Z. Teléfono: 969 555 014.
Remitido por: Dr. Evaristo Montalbán Quiroga. Hospital Virgen de la Alameda. Avenida del Molino 12,
16003 Cuenca. España. E-mail: emontalban@correo.es
"""
SPANISH_SECRETS = (
    "Leocadia", "Barrientos", "Olmedilla", "7719204", "61544098", "Alfareros", "Cuenca", "16004",
    "14/08/1951", "02/03/2023", "Evaristo", "Montalbán", "Quiroga", "40921", "2 de marzo",
    "12345678Z", "555 014", "Alameda", "Molino", "16003", "emontalban",
)  # fmt: skip

CLEAN_ENGLISH = (
    "He takes Norvasc 5 mg daily, Lipitor 40 mg and metformin 500 mg twice a day.",
    "Parkinson's disease and Graves' disease; no Crohn's disease. Bell's palsy resolved.",
    "Foley catheter in place. Murphy's sign negative, Romberg negative, Babinski absent.",
    "Glasgow coma scale 15, Apgar 9, Gleason 7, Beck Depression Inventory 12.",
    "Hgb 12.3 g/dL, WBC 4.5, platelets 210,000, sodium 138, potassium 4.1, glucose 5.6 mmol/L.",
    "BP 120/80, pulse 72, temperature 98.6, strength 5/5, pain 3/10, pH 7.35-7.45.",
    "The pain may be worse at night and will improve with rest.",
    "Hodgkin lymphoma, Kaposi sarcoma, Guillain-Barre syndrome, Down syndrome.",
    "Heparin 5000 units, vancomycin 1250 mg, aspirin 81 mg, lisinopril 20 mg.",
    "MRI of the brain with contrast; CT chest, abdomen and pelvis were normal.",
    "Yes, sir. What brings you in? I'm going to order an X-ray and an ECG.",
    "Review of systems: no fever, no chills, no cough. Plan: continue current medications.",
)
CLEAN_SPANISH = (
    "Enfermedad de Parkinson y síndrome de Down; sin enfermedad de Crohn.",
    "Se coloca sonda de Foley. Signo de Murphy negativo, escala de Glasgow 15.",
    "Hemoglobina 12,3 g/dl, leucocitos 4.500, plaquetas 210.000, sodio 138 mEq/l.",
    "Tratamiento con enalapril 20 mg, metformina 850 mg y ácido acetilsalicílico 100 mg.",
    "TAC abdominal sin hallazgos. La TA es de 120/80 y la temperatura de 36,5 ºC.",
    "Linfoma de Hodgkin, sarcoma de Kaposi y síndrome de Guillain-Barré.",
    "La exploración física por vía oral y rectal fue normal. Dolor abdominal leve.",
    "Temperatura de 36,5 °C. Consciente. Infección de vías urinarias. Tras 24 horas bien.",
    "Calcio 9 (valor de referencia: 8,5-10,5). La analítica muestra 12 200 leucocitos. DNA normal.",
    "Malformación de Chiari tipo I, factor V Leiden, saco de Douglas libre, Western Blot negativo.",
)
