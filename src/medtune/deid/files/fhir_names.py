"""Elements of FHIR R4, by name: those whose text is never prose, and those that are left out.

Source: HL7 FHIR R4 (4.0.1, 4.3.0). `CODED` holds the names of elements that are a code, a URI, a
canonical or an id wherever they occur and whose text is no reference to a person. A name that is
prose in any resource is not among them: every string that is not listed is searched.
"""

from medtune.deid.kinds import Kind

_CODED = """
accept action actionId actuality aggregation answerValueSet assurance authority authorizationUrl
base baseDefinition capabilities cardinalityBehavior category characteristicCombination codeSearch
comparator compartment conditionalDelete conditionalRead confidentiality contentReference
contentType context contextType criticality currency dayOfWeek daysOfWeek defaultValueCanonical
defaultValueCode defaultValueId defaultValueOid defaultValueUri defaultValueUrl
definitionCanonical definitionUri derivation derivedFrom derivedFromUri direction docStatus
durationUnit enableBehavior entryType equivalence eventUri exampleCanonical extends eye
fhirVersion filterDefinition fixedCanonical fixedCode fixedId fixedOid fixedUri fixedUrl format
gender generation goalId graph groupMeasure groupingBehavior groupingId handling hierarchyMeaning
identity implementationGuide implicitRules import imports inputProfile instantiates
instantiatesCanonical instantiatesUri intent jurisdiction kind library license lifecycleStatus
listMode listRuleId meaning measure method mode modifier moduleCanonical moduleUri nameUrl
onlineInformation op operationalStatus operator orientation outcome outputProfile packageId partOf
participantStatus patchFormat patternCanonical patternCode patternId patternOid patternUri
patternUrl payloadMimeType periodUnit permittedDataType policy precheckBehavior preference priority
productCategory profile property protocol publicationStatus questionnaire referencePolicy
relationship relationtype relativePath rendering replaces requestMethod required requiredBehavior
resourceType response responseRequired resultForCreate resultForDelete rule rules scale searchType
selectionBehavior severity sigFormat sourceCanonical sourceUri strand strength
studyEffectiveGroupMeasure subjectCanonical subjectType supplements supportedInteraction
supportedProfile system targetCanonical targetFormat targetId targetProfile targetUri topic
transform typeMode uri use validateProfileId valueCanonical valueCode valueId valueOid valueSet
valueUri variableType versioning workflow xpathUsage
"""
_BESIDE = """
id language status type code url versionId version linkId etag ifMatch ifNoneMatch unit expression
path state country reference
"""
"""Strings that are a code in the one resource and short in the other, or for a machine."""
CODED = frozenset((_CODED + _BESIDE).split())
REMOVED: dict[str, Kind] = {
    "photo": "photo", "position": "street", "carrierHRF": "device", "carrierAIDC": "device",
    "ifNoneExist": "id", "query": "id", "valueBase64Binary": "photo",
}  # fmt: skip
"""Left out: pictures, coordinates, whole bar codes, what a server is asked for, bytes."""
IDENTIFIERS: dict[str, Kind] = {
    "serialNumber": "device", "lotNumber": "device", "distinctIdentifier": "device",
    "subscriberId": "insurance", "policyNumber": "insurance", "altId": "id",
    "authorString": "person", "valueUrl": "url",
}  # fmt: skip
"""Elements that are one identifier."""
