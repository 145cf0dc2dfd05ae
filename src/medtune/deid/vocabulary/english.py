"""English: labels, titles, cues and the rest. Written by hand from how clinical notes are built."""

from medtune.deid.vocabulary.form import Field, Vocabulary


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIELDS = (
    Field("mrn", r"mrn|m\.r\.n\.?|med(?:ical)?\.? ?rec(?:ord)?s?|unit (?=no|num)|chart (?=no|num|#)"
          r"|hospital (?=no|num)|patient (?:id|identifier|number)|pt\.? id", "code"),
    Field("ssn", r"ssn|social security|soc\.? sec\.?|nhs (?=no|num)|nhs", "digits"),
    Field("insurance", r"(?:policy|member|subscriber|beneficiary|group|plan|insurance|medicare"
          r"|medicaid|mbi|hicn)(?: id)?", "code"),
    Field("account", r"acc(?:oun)?t|credit card|debit card|card|bank account|routing|swift|bic"
          r"|iban|sort code", "code"),
    Field("licence", r"licen[cs]e|dea|npi|passport|certificate|driver'?s licen[cs]e|upin"
          r"|registration", "code"),
    Field("vehicle", r"vin|licen[cs]e plate|plate|vehicle(?: id(?:entification)?)?|tag", "code"),
    Field("device", r"serial|s/n|imei|udi|device (?:id|identifier)|lot", "code"),
    Field("biometric", r"fingerprint(?: id)?|voice ?print(?: id)?|retina(?:l)? scan id", "code"),
    Field("id", r"accession|case|visit|encounter|csn|specimen|study id|order|reference|ref|claim"
          r"|episode|report|confirmation|tracking|employee id|student id|badge|record", "code"),
    Field("fax", r"fax|facsimile|f:", "digits"),
    Field("phone", r"phone|telephone|tel|mobile|cell(?: ?phone)?|pager|beeper|call(?:ing|ed)?|ext"
          r"|(?:my|your|his|her|their|our|home|work) number"
          r"|callback|answering|contact|reach(?:ed)?|text(?: me)?|dial|ring|extension", "digits"),
    Field("zip", r"zip(?: ?code)?|postal code|postcode", "code"),
    Field("patient", r"(?:patient|pt|client|resident|full|legal|first|last|maiden|preferred"
          r"|given|family|middle)?\.?'?s? ?(?:sur|sir)?name", "name", colon=True),
    Field("patient", r"patient|pt|name of patient|re|subject|dear", "name", colon=True),
    Field("clinician", r"(?:attending|referring|ordering|primary care|admitting|consulting"
          r"|treating|dictating|performing|responsible|supervising)?[ -]?(?:physician|doctor"
          r"|provider|surgeon|clinician|resident|consultant|nurse|radiologist|pathologist"
          r"|cardiologist|therapist|practitioner|gp)(?: name)?|attending|pcp|dictated by"
          r"|dictator|transcribed by|signed by|electronically signed by|authenticated by"
          r"|reviewed by|verified by|interpreted by|reported by|seen by|referred by|ordered by"
          r"|author|anesthesiologist|anaesthetist|assistant|cc|c\.c\.", "name", colon=True),
    Field("person", r"(?:emergency contact|next of kin|guardian|spouse|mother|father|husband"
          r"|wife|son|daughter|contact|informant|caregiver|employer contact|guarantor)"
          r"(?:'?s)?(?: name)?", "name", colon=True),
    Field("organization", r"employer|employed by|company|place of work|workplace", "line",
          colon=True),
    Field("street", r"(?:home |mailing |street |current |permanent |work )?address", "line",
          colon=True),
    Field("city", r"city|town|county|place of birth|birthplace|hometown", "places", colon=True),
    Field("hospital", r"hospital|facility|clinic|practice|location", "line", colon=True),
    Field("age", r"age", "age", colon=True),
    Field("sex", r"sex|gender", "word", colon=True),
    Field("profession", r"occupation|profession|job title", "line", colon=True),
)  # fmt: skip

ENGLISH = Vocabulary(
    fields=FIELDS,
    titles=dict.fromkeys(
        _words("dr drs doctor prof professor nurse surgeon attending"), "clinician"
    )
    | dict.fromkeys(
        _words(
            "mr mrs ms miss mx master sir madam mister missus rev reverend father sister brother "
            "rabbi imam judge officer sgt sergeant capt captain lt lieutenant col colonel gen "
            "hon president senator uncle aunt"
        ),
        "person",
    ),
    credentials=_words(
        "MD M.D M.D. DO D.O D.O. RN R.N R.N. NP PA PA-C PhD Ph.D Ph.D. DDS DMD DPM DPT PT OT LPN "
        "CRNA MBBS FRCP FRCS FACC FACP FACS LCSW MSW PsyD PharmD RPh RPH BSN MSN APRN ARNP CNM "
        "FNP FNP-C FNP-BC MPH CNP ANP DNP RT RD SLP EMT Jr Jr. Sr Sr. II III IV Esq Esq."
    ),
    cues=_words(
        "named called said told asked dear hi hello hey thanks regards sincerely signed attn "
        "starring introduced met spoke named nicknamed mr mrs ms dr"
    )
    | {
        "name is",
        "name was",
        "i am",
        "i'm",
        "this is",
        "here is",
        "here's",
        "spoke with",
        "spoke to",
        "met with",
        "directed by",
        "written by",
        "signed by",
        "cared by",
        "said to",
        "daughter is",
        "son is",
        "wife is",
        "husband is",
        "follow-up with",
        "talked to",
        "talked with",
        "discussed with",
        "son named",
        "given to",
        "seen by",
        "referred by",
    },
    namings=_words("name named call calls called nicknamed leave left told asked"),
    pronouns=_words("him her me them it is you us baby"),
    verbs=_words(
        "said says told asked lives lived works worked spent went came gave wrote thinks wants "
        "knows feels reports denies endorses states complains"
    )
    | {
        "is from",
        "was born",
        "was a",
        "had given",
        "is my",
        "was my",
        "is his",
        "is her",
        "has been",
        ", can",
        ", please",
        ", how",
        ", could",
    },
    belongings=_words(
        "address house home phone number mother father wife husband son daughter sister brother "
        "parents family name birthday doctor office insurance email chart room partner boss case"
    ),
    place_cues=_words(
        "in from at near to lives living moved born visited visiting via outside of toward "
        "arrived flew travelled traveled travelling traveling resident residing situated"
    ),
    moves=_words(
        "arrived arrives arriving moved moves moving live lives lived living born reside resides "
        "resident residing returned returns returning flew travel travels travelled traveled trip "
        "visit visits visited visiting grew raised located based situated transferred native drove "
        "went go going back home"
    ),
    particles=_words(
        "de la del los las van von der den di da do dos du le el al bin ibn ben ter ten st y e "
        "san mac mc o' d' zu af av"
    ),
    not_names=_words(
        "january february march april may june july august september october november december "
        "jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday "
        "friday saturday sunday easter christmas jesus god us usa english french german spanish "
        "italian irish american christian muslim islam roman latina indian asian african "
        "caucasian hispanic chest neck hip knee ankle foot hand hands skin abdomen pelvis heart "
        "lungs lung liver kidney spleen spine brain breast colon rectum bowel pain cough fever "
        "nausea alert oriented normal stable mild acute chronic left right bilateral denies "
        "patient pt doctor nurse hospital clinic ed er icu or pacu ob gi gu ent cv neuro resp "
        "psych ortho uro onc peds med meds labs vitals temp pulse bp hr rr spo2 iv po prn bid "
        "tid qid qd daily mg ml ct mri xray ekg ecg hpi ros pmh psh fh sh pe plan assessment "
        "impression history exam allergies medications al ala ad ab as an do so no in on go my "
        "us we he she it me be am is are was will can would yeah yep yup nope um uh umm oh ooh "
        "ah hm hmm mm mhm huh okay hello bye goodbye wow sure right thanks welcome sorry please "
        "gon gonna wanna na alright everybody everyone somebody anybody hi hey ok yes all al non "
        "man men dot tab tabs cap caps susp soln inj mass masses wound cord rib ribs arch graft "
        "valve mucosa node nodes hernia cyst lesion polyp tumor mar"
    ),
    ambiguous=frozenset(),
    eponym_heads=_words(
        "disease syndrome palsy catheter sign signs test tests lymphoma score scale scales "
        "criteria classification class stage tumor tumour sarcoma maneuver manoeuvre position "
        "procedure reflex law fracture hernia node nodes body bodies cell cells thyroiditis "
        "ataxia chorea dementia phenomenon esophagus oesophagus ulcer bypass tube drain forceps "
        "retractor stain agar coefficient index formula equation method technique repair "
        "operation anomaly malformation contracture encephalopathy psychosis purpura nephropathy "
        "paralysis angina aneurysm triad tetralogy breathing respiration respirations murmur "
        "sounds line lines angle space pouch ligament canal duct gland glands fascia muscle "
        "tendon artery vein nerve ganglion triangle fossa tubercle membrane cyst abscess "
        "gangrene anemia anaemia thalassemia leukemia tumors tumours carcinoma melanoma "
        "inventory questionnaire depression anxiety scan view views projection bandage dressing "
        "splint brace collar stent valve pump port shunt clamp speculum scope solution lactate "
        "phenotype virus bacillus protein factor antigen antibody antibodies receptor osteotomy "
        "arthroplasty hip knee neuroma ring rings spot spots nodules esophagitis granulomatosis "
        "arteritis macroglobulinemia"
    ),
    eponyms=_words(
        "parkinson parkinson's parkinsons alzheimer alzheimer's alzheimers crohn crohn's crohns "
        "hodgkin hodgkin's hodgkins foley down down's downs graves' grave's bell's hashimoto "
        "hashimoto's cushing cushing's addison addison's huntington huntington's raynaud "
        "raynaud's sjogren sjogren's marfan marfan's turner's klinefelter klinefelter's tourette "
        "tourette's asperger asperger's wilson's paget paget's hirschsprung meniere meniere's "
        "barrett barrett's murphy's mcburney mcburney's babinski romberg romberg's rovsing "
        "kernig kernig's brudzinski lachman mcmurray tinel tinel's phalen phalen's homan homans "
        "homans' virchow trendelenburg valsalva epley dix-hallpike heimlich apgar glasgow braden "
        "karnofsky ecog wong-baker child-pugh ranson gleason breslow dukes likert barthel katz "
        "lawton snellen ishihara jaeger holter swan-ganz hickman groshong broviac jackson-pratt "
        "kirschner steinmann kocher balfour bovie doppler wood's gram giemsa papanicolaou pap "
        "coombs western-blot southern-blot warthin kaposi kaposi's ewing ewing's wilms burkitt "
        "burkitt's krukenberg pancoast guillain-barre guillain barre lou gehrig gehrig's "
        "charcot-marie-tooth charcot osgood-schlatter legg-calve-perthes perthes colles colles' "
        "smith's pott pott's bennett's boxer's salter-harris dupuytren dupuytren's baker's osler "
        "osler's janeway roth kussmaul cheyne-stokes biot peyronie peyronie's fournier "
        "fournier's mallory-weiss zenker zenker's meckel meckel's whipple whipple's billroth "
        "nissen roux-en-y roux zollinger-ellison kawasaki kawasaki's henoch-schonlein takayasu "
        "wegener wegener's behcet behcet's still's felty reiter reiter's lyme epstein-barr "
        "epstein barr coxsackie hansen hansen's chagas ebola zika marburg lassa lewy wernicke "
        "korsakoff creutzfeldt-jakob lambert-eaton brown-sequard horner horner's argyll "
        "bartholin bartholin's braxton hicks braxton-hicks leopold nagele skene cooper's "
        "virchow's starling frank-starling bohr henle bowman bowman's langerhans kupffer "
        "purkinje schwann ranvier lugano rai binet ann-arbor norvasc lipitor zestril glucophage "
        "synthroid coumadin lasix plavix nexium prilosec zocor crestor diovan cozaar toprol "
        "lopressor tenormin xanax ativan valium zoloft prozac paxil lexapro celexa cymbalta "
        "effexor wellbutrin abilify seroquel zyprexa risperdal haldol depakote lamictal "
        "neurontin lyrica keppra dilantin tegretol topamax humira enbrel remicade lantus humalog "
        "novolog januvia jardiance farxiga ozempic trulicity victoza tylenol motrin advil aleve "
        "percocet vicodin norco oxycontin ultram flexeril soma mobic celebrex benadryl claritin "
        "zyrtec allegra singulair flonase advair symbicort spiriva ventolin proventil albuterol "
        "zithromax augmentin keflex cipro levaquin bactrim flagyl vancomycin zosyn rocephin "
        "ancef eliquis xarelto pradaxa lovenox heparin"
    ),
    months={
        name: number
        for number, names in enumerate(
            (
                "january jan",
                "february feb",
                "march mar",
                "april apr",
                "may",
                "june jun",
                "july jul",
                "august aug",
                "september sept sep",
                "october oct",
                "november nov",
                "december dec",
            ),
            start=1,
        )
        for name in names.split()
    },
    weekdays=_words("monday tuesday wednesday thursday friday saturday sunday"),
    street_words=_words(
        "street st road rd avenue ave lane ln drive dr court ct way boulevard blvd place pl "
        "square sq terrace ter circle cir parkway pkwy highway hwy trail trl turnpike pike "
        "crescent close row walk loop alley plaza mews gardens grove"
    ),
    units=_words(
        "apt apt. apartment suite ste ste. unit floor fl room rm box flat building bldg psc"
    ),
    hospital_words=_words(
        "hospital hospitals clinic clinics infirmary hospice sanatorium sanitarium medcenter "
        "healthcare rehab rehabilitation pavilion"
    ),
    organization_words=_words(
        "inc inc. llc ltd ltd. corp corp. corporation company co plc gmbh ag group university "
        "college institute foundation school academy bank associates partners department "
        "ministry agency bureau council committee church union society association industries "
        "enterprises solutions systems technologies labs laboratories services"
    ),
    kin=_words(
        "mother father brother sister son daughter wife husband spouse parents parent aunt uncle "
        "grandmother grandfather grandson granddaughter niece nephew cousin sibling siblings"
    ),
    sex=dict.fromkeys(_words("male man boy gentleman m"), "m")
    | dict.fromkeys(_words("female woman girl lady f"), "f"),
)
