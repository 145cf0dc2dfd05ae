"""Spanish: labels, titles, cues and the rest, for Spain first and Latin America beside it."""

from medtune.deid.vocabulary.form import Field, Vocabulary


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBER = r"(?:n(?:[º°o]|um(?:ero)?)?\.?º? ?(?:de )?)?"
FIELDS = (
    Field("mrn", r"n\.?h\.?c\.?|cipa:? ?(?:nhc)?|n(?:[º°o]|um(?:ero)?)\.?º? ?(?:de )?"
          r"(?:historia|h\.?c\.?)(?: clinica)?|historia clinica"
          r"|id(?:entificador)? (?:del )?paciente", "code"),
    Field("insurance", r"nass|nuss|n(?:[º°o]|um(?:ero)?)\.?º? ?(?:de )?(?:la )?(?:afiliacion"
          r"|seguridad social)|seguridad social|tarjeta sanitaria|tsi|cip|sip|poliza|mutua"
          r"|aseguradora", "code"),
    Field("ssn", r"dni|nie|nif|d\.n\.i\.?|curp|rut|cedula|documento nacional de identidad", "code"),
    Field("licence", NUMBER + r"col(?:eg(?:iad[oa])?)?\.?|pasaporte|permiso de conducir"
          r"|licencia|m\.?n\.?|m\.?p\.?", "code"),
    Field("id", NUMBER + r"(?:episodio|expediente|biopsia|peticion"
          r"|muestra(?= ?(?:n|:|#))|informe|(?<!valor de )(?<!valores de )referencia"
          r"|solicitud|caso|registro|visita|ingreso (?=n))", "code"),
    Field("account", r"(?:n[º°o]\.? ?(?:de )?)?(?:cuenta(?: bancaria)?|tarjeta de credito|iban"
          r"|tarjeta)", "code"),
    Field("vehicle", r"matricula|bastidor", "code"),
    Field("device", NUMBER + r"(?:serie|lote)", "code"),
    Field("fax", r"fax", "digits"),
    Field("phone", r"telefonos?|tel(?:ef|f|fno|f?no)?s?\.?|tf?no\.?|tfn\.?|tlfn?o?s?\.?"
          r"|movil|celular|busca|contacto|ext(?:ension)?\.?", "digits"),
    Field("zip", r"c\.?p\.?|codigo postal", "code"),
    Field("patient", r"nombre(?: y apellidos)?(?: del? (?:la )?paciente)?|apellidos?(?: y nombre)?"
          r"|(?<!del )(?<!de la )paciente|primer apellido|segundo apellido", "name", colon=True),
    Field("clinician", r"(?:medic[oa]|doctora?|dra?|facultativ[oa]|cirujan[oa]|enfermer[oa]"
          r"|especialista|anestesista|radiolog[oa]|patolog[oa]|psicolog[oa]|matrona|residente"
          r"|tutor)(?: responsable| de familia| adjunt[oa]| remitente| solicitante)?"
          r"|remitido por|responsable(?: clinic[oa])?|firmado(?: por)?|fdo\.?|solicitado por"
          r"|informado por|realizado por|autor(?:a|es)?|elaborado por|validado por", "name",
          colon=True),
    Field("person", r"(?:persona de )?contacto(?: familiar)?|familiar|padre|madre|conyuge"
          r"|tutor legal|acompañante|acompanante|cuidador[a]?", "name", colon=True),
    Field("street", r"domicilio|direccion(?: postal)?|calle|residencia", "line", colon=True),
    Field("city", r"localidad ?/? ?(?:provincia)?|provincia|municipio|poblacion|ciudad|lugar de "
          r"nacimiento|natural de", "places", colon=True),
    Field("hospital", r"hospital|centro(?: de salud| sanitario| hospitalario)?|clinica", "line",
          colon=True),
    Field("organization", r"empresa|lugar de trabajo|institucion", "line", colon=True),
    Field("country", r"pais(?: de (?:nacimiento|origen|residencia))?|nacionalidad", "places",
          colon=True),
    Field("age", r"edad", "age", colon=True),
    Field("sex", r"sexo|genero", "word", colon=True),
    Field("profession", r"profesion|ocupacion|trabajo", "line", colon=True),
)  # fmt: skip

SPANISH = Vocabulary(
    fields=FIELDS,
    titles=dict.fromkeys(
        _words(
            "dr dra dres drs doctor doctora prof profesor profesora enfermero enfermera"
        ),
        "clinician",
    )
    | dict.fromkeys(
        _words(
            "sr sra srta sres don doña dona d dña dna señor señora senor senora señorita"
        ), "person"
    ),
    credentials=_words(
        "MIR DUE EIR PIR FIR LES MD PhD"
    ),
    cues=_words(
        "llamado llamada llama fdo firmado atentamente apellidado apellidada"
    )
    | {"nombre es", "se llama", "firmado por", "remitido por", "atendido por", "atendida por",
       "vista por", "visto por", "hablado con"},
    namings=_words("llamar llamado llamada llama llaman"),
    pronouns=_words("le lo la se"),
    verbs=_words(
        "dice comenta cuenta vive trabaja refiere niega acude"
    ),
    belongings=frozenset(),
    place_cues=_words(
        "en natural residente reside procedente localidad pueblo municipio"
    ),
    moves=_words(
        "vive vivia vivio reside residente residia nacido nacida natural procedente procede viaje "
        "viajo trasladado trasladada oriundo oriunda"
    ),
    particles=_words(
        "de la del los las y e i da do dos das du di van von der san santa al ben el"
    ),
    not_names=_words(
        "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre "
        "noviembre diciembre lunes martes miercoles jueves viernes sabado domingo paciente "
        "medico medica hospital servicio unidad seccion jefe urgencias historia informe clinica "
        "clinico clinicos datos fecha edad sexo domicilio localidad provincia nombre apellidos "
        "antecedentes exploracion evolucion diagnostico tratamiento analitica analisis anemia "
        "biopsia tac rm rmn ecg eco radiografia correo electronico email e-mail mail telefono "
        "tel tfno tlf fax direccion departamento dpto centro instituto universidad facultad "
        "responsable remitido varon mujer hombre niño niña nino nina lactante adulto masculino "
        "femenino señor señora oral maxilofacial medicina interna urologia oncologia nefrologia "
        "cardiologia cirugia general digestivo neurologia neurocirugia pediatria psiquiatria "
        "radiologia traumatologia oftalmologia ginecologia anestesia reanimacion infecciosas "
        "patologica patologia anatomia hematologia dermatologia endocrinologia neumologia "
        "reumatologia geriatria preventiva plastica vascular toracica farmacia laboratorio nº n "
        "no se el la los las un una y e o u de del al en con por para su sus no si mas muy dos "
        "tres nhc nass cipa cp dni col ncol nºcol ante tras desde durante asi ver figura figuras "
        "tabla avda avenida calle plaza paseo ctra carretera camino edificio piso puerta "
        "apartado republica ciudad autonoma"
    ),
    ambiguous=_words(
        "dolores dolor rosa luz mar paz cruz angel leon consuelo milagros remedios concepcion "
        "asuncion ramos romero calvo blanco blanca rubio moreno delgado cabeza cabello castillo "
        "torres campo campos rey mora vega iglesias prieto bravo crespo gallego serrano gordo "
        "leal bueno mano pie ojo ojos boca cadera hoyo nieves rocio salud sol virtudes caballero "
        "guerra marina marin montes rios fuentes flores prado pastor santos bella victoria "
        "clemente justo"
    ),
    eponym_heads=_words(
        "enfermedad sindrome signo signos sonda escala test prueba linfoma sarcoma tumor "
        "clasificacion criterios indice maniobra posicion tecnica metodo fenomeno ulcera esofago "
        "triangulo fascia conducto ligamento musculo nervio hernia fractura virus bacilo tincion "
        "tinciones cateter drenaje vena arteria ganglio cuerpos celulas mal corea paralisis "
        "ataxia purpura tiroiditis operacion procedimiento contractura pinza pinzas anillo "
        "reaccion punto linea grado estadio tipo score nivel catéter asa foramen membrana "
        "glandula tetralogia angulo triada neuropatia demencia de van von afaquia agujas aguja "
        "placa placas protesis valvula injerto"
    ),
    eponyms=_words(
        "parkinson alzheimer crohn hodgkin foley down graves bell hashimoto cushing addison "
        "huntington raynaud sjogren marfan turner klinefelter tourette wilson paget hirschsprung "
        "meniere barrett murphy mcburney babinski romberg rovsing kernig brudzinski blumberg "
        "lachman mcmurray tinel phalen homans virchow trendelenburg valsalva glasgow karnofsky "
        "child pugh ranson gleason breslow clark dukes likert beck hamilton barthel lawton "
        "snellen ishihara holter swan ganz hickman giemsa gram ziehl nielsen papanicolaou coombs "
        "kaposi ewing wilms burkitt krukenberg pancoast guillain barre charcot perthes colles "
        "dupuytren baker osler kussmaul cheyne stokes peyronie fournier mallory weiss zenker "
        "meckel whipple billroth nissen roux zollinger ellison kawasaki schonlein henoch "
        "takayasu wegener behcet still felty reiter lyme epstein barr coxsackie hansen chagas "
        "ebola lewy wernicke korsakoff creutzfeldt jakob horner bartholin cowper gerota morgagni "
        "leydig sertoli santorini wirsung vater oddi luschka treitz bochdalek virchow robin kerr "
        "seldinger doppler goldmann schirmer vogt koyanagi harada stargardt fuchs descemet "
        "bowman tenon schwann antoni masson zeiss rosai dorfman langerhans kirschner steinmann "
        "ilizarov bosniak fuhrman clavien dindo fontaine rutherford lugano rai binet durie "
        "salmon bence jones waldenstrom castleman erdheim chester doege potter hunner chiari "
        "arnold leiden hartmann ludwig douglas silvio angle humphrey western blot bunnell marsh "
        "mayfield mainz galveston bengala candida agar coma budd dandy sturge lennox gastaut rett "
        "asperger quervain osgood schlatter haglund freiberg kienbock sudeck scheuermann schmorl "
        "monteggia galeazzi lisfranc chopart segond bankart mohs westergren tanner apgar silverman "
        "ballard ortolani barlow moro wechsler rorschach zung hachinski hoehn yahr ashworth "
        "tinetti norton braden forrest rockall killip cockcroft gault friedewald bazett framingham "
        "lowenstein"
    ),
    months={
        name: number
        for number, names in enumerate(
            (
                "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
                "septiembre setiembre", "octubre", "noviembre", "diciembre",
            ),
            start=1,
        )
        for name in names.split()
    },
    weekdays=_words("lunes martes miercoles jueves viernes sabado domingo"),
    street_words=_words(
        "calle c/ avenida avda avda. av av. avd avd. plaza pza pza. plza plza. paseo pº p.º pso. "
        "carretera ctra ctra. cra cra. camino ronda glorieta travesia trav. rambla rbla passeig "
        "carrer gran rua via bulevar alameda urbanizacion urb urb. poligono pol. barrio bº "
        "callejon pasaje pje pje. praza rúa c. cl cl. autovia cuesta sector colonia col. vial "
        "costanilla"
    ),
    units=_words(
        "piso puerta portal bloque escalera esc apartado apdo apdo. bajo izquierda derecha izq "
        "dcha izda apartamento planta edificio modulo local nave"
    ),
    hospital_words=_words(
        "hospital hospitalario hospitalaria hospitalari hospitalar clinica clinic sanatorio "
        "ambulatorio policlinica policlinico consultorio"
    ),
    organization_words=_words(
        "universidad universitat facultad instituto institut fundacion fundacio asociacion "
        "sociedad colegio escuela ministerio consejeria ayuntamiento laboratorio laboratorios "
        "empresa residencia banco agencia servicio"
    ),
    kin=_words(
        "madre padre padres hermano hermana hermanos hermanas hijo hija hijos hijas abuelo "
        "abuela abuelos abuelas tio tia tios tias primo prima primos primas esposo esposa marido "
        "mujer conyuge sobrino sobrina sobrinos nieto nieta nietos familia familiar familiares "
        "novio novia pareja suegro suegra cuñado cuñada gemelo gemela progenitor progenitora "
        "progenitores"
    ),
    sex=dict.fromkeys(
        _words(
            "varon hombre niño nino masculino h chico señor senor caballero"
        ), "m"
    )
    | dict.fromkeys(_words(
        "mujer niña nina femenino femenina m f chica señora senora hembra"
    ), "f"),
)  # fmt: skip
