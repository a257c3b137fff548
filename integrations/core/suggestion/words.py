"""What the names of fields mean: words of transport in English, Dutch and German, by meaning.

A name is divided where its writer divided it (`shipTo_city`), and then where the words do
(`SHIPTOCITY`, `Laadadres`, `Auftragsnummer`). A word that the table does not have is `UNKNOWN`: a
name is only as clear as the least clear of its words.
"""

import re
import unicodedata
from functools import cache, lru_cache

LONGEST = 120  # characters of a name that are looked at
UNKNOWN = "unknown"
FILLER = "filler"
DIGIT = "digit"

# Whom or what a field is about.
SCOPES = {
    "sender": (
        "shipper shippers consignor sender origin pickup collect collection loading loadplace "
        "exporter shipfrom despatch dispatch departure supplier afzender verzender laad laden "
        "laadadres laadplaats ophaal ophalen afhaal afhalen herkomst vertrek absender versender "
        "belade beladung beladen lade ladestelle abhol abholung abholer abgang abgangs verlader "
        "exporteur vonadresse orig pu"
    ),
    "addressee": (
        "consignee receiver recipient destination delivery deliver deliverto dropoff unloading "
        "unload importer shipto dest addressee arrival geadresseerde ontvanger los lossen "
        "losadres losplaats lever levering aflever bezorg bezorging afleveradres bestemming "
        "eindbestemming empfänger entlade entladung entladen entladestelle ablade abladestelle "
        "liefer lieferung anliefer anlieferung zustell zustellung bestimmungs bestimmung ziel "
        "importeur aankomst ankunft"
    ),
    "customer": (
        "customer cust client buyer debtor soldto principal orderer orderedby klant "
        "opdrachtgever debiteur afnemer besteller kunde kunden auftraggeber debitor käufer"
    ),
    "goods": (
        "goods good item items line lines cargo article articles product products commodity "
        "freight handlingunit handlingunits goederen goed regel regels orderregel orderregels "
        "artikel artikelen lading vracht ware waren warenart gut güter position positionen pos "
        "ladung fracht sendungsposition ladungsträger material"
    ),
    "consignment": "consignment consignments shipment shipments shpt zending zendingen sendung",
    "order": (
        "order orders ord ordered salesorder transportorder transport job booking opdracht "
        "bestelling bestel transportopdracht vervoersopdracht boeking auftrag transportauftrag "
        "bestellung bestell buchung speditionsauftrag so"
    ),
    "business": "business relatie geschäftspartner",
    "event": "event events gebeurtenis ereignis",
    "current": "current currentlocation huidig huidige aktuell aktuelle aktueller",
}

# What of it is told.
CONCEPTS = {
    "number": "number numbers no nr num nbr nmbr nummer numero",
    "count": "count",
    "id": "id ids uuid guid identifier identification key kennung ident",
    "code": "code codes cd",
    "reference": "reference references ref refs refno kenmerk referentie referenz referenznummer",
    "purchase": "po purchase purchaseorder inkoop inkooporder einkauf",
    "your": "your yours uw ihre ihr external extern externe externes ext partner",
    "name": "name names naam nm bezeichnung benaming title fullname displayname",
    "company": (
        "company companyname firm firma bedrijf bedrijfsnaam unternehmen organisation "
        "organization firmenname"
    ),
    "city": (
        "city town plaats plaatsnaam woonplaats stad ort stadt gemeente gemeinde cityname place"
    ),
    "postcode": "postcode postalcode postal zip zipcode zipcd plz postleitzahl postcd",
    "street": (
        "street straat strasse straße str straatnaam streetname addressline addrline adresregel "
        "strassenname addressline1 streetaddress"
    ),
    "address": "address addr addresses adres adresse anschrift",
    "location": "location loc locatie standort",
    "housenumber": "housenumber houseno housenr huisnummer huisnr hausnummer hausnr",
    "country": (
        "country countrycode land landcode landcd countryiso ctry länderkennzeichen countryname"
    ),
    "date": "date dates dt dat datum day dag tag termin deadline",
    "time": (
        "time tijd zeit uhrzeit uur hour moment timestamp datetime datumtijd zeitpunkt "
        "zeitstempel tijdstip occurredat"
    ),
    "from": "from start begin earliest vanaf von ab vroegste frühestens opens timefrom starts van",
    "until": "until till end latest tot bis uiterlijk spätestens closes timeto to ends",
    "create": (
        "created create createdat createdon creation entry entered aangemaakt aanmaak erstellt "
        "erstellung erfasst erfassung angelegt anlage invoer"
    ),
    "update": (
        "updated update modified changed lastupdate gewijzigd wijziging geändert änderung "
        "aktualisiert updatedat"
    ),
    "status": "status state stat toestand zustand",
    "type": "type kind category soort art typ sort",
    "description": (
        "description desc descr descriptions omschrijving beschrijving beschreibung "
        "warenbezeichnung goederenomschrijving"
    ),
    "remark": (
        "remark remarks note notes comment comments instruction instructions memo opmerking "
        "opmerkingen instructie instructies bemerkung bemerkungen hinweis hinweise anmerkung "
        "notiz notitie freetext"
    ),
    "quantity": "quantity qty quantities aantal anzahl menge hoeveelheid stückzahl amountof",
    "piece": "piece pieces pcs pc stuks stuk stück stk units",
    "package": (
        "package packages pkg pkgs pallet pallets plt plts colli collo parcel parcels carton "
        "cartons box boxes palett palette paletten packstück packstücke karton kartons dozen "
        "doos europallet packaging verpakking verpakkings verpackung pack emballage pal gebinde"
    ),
    "weight": "weight wt wgt weights gewicht gewichten mass massa masse kilo kilos weightkg",
    "gross": "gross bruto brutto",
    "net": "net netto nett",
    "total": "total totals sum totaal gesamt summe overall",
    "unit": "unit uom eenheid einheit maat",
    "value": "value values content",
    "kg": "kg kgs kilogram kilograms kilogramm",
    "cm": "cm mm centimeter",
    "width": "width breedte breite wid",
    "height": "height hoogte höhe hgt",
    "length": "length lengte länge len",
    "size": "size dimension dimensions dim dims afmeting afmetingen maße abmessung abmessungen",
    "ldm": (
        "ldm loadmeters loadmeter loadingmeters loadingmeter loadingmetres loadingmetre "
        "loadmetres laadmeter laadmeters lademeter lademetern ladungsmeter"
    ),
    "volume": "volume vol cbm m3 kuub volumen rauminhalt cubage",
    "temperature": "temperature temp temperatuur temperatur",
    "lowest": "min minimum lowest minimaal",
    "highest": "max maximum highest maximaal",
    "barcode": "barcode ean gtin sscc nve streepjescode strichcode eancode ean13 upc",
    "dangerous": (
        "dangerous dangerousgoods hazardous hazmat adr gefahrgut gevaarlijk gevaarlijkestoffen "
        "gefährlich hazard dg imdg"
    ),
    "un": "un unno unnumber unnr unnummer",
    "class": "class klasse cls",
    "plate": (
        "licenseplate licenceplate plate licplate numberplate kenteken kennzeichen "
        "registrationplate plateno"
    ),
    "equipment": "equipment materieel trailer container laadeenheid",
    "subtype": "subtype",
    "role": "role rol rolle qualifier function partyfunction partytype stoptype activity action",
    "vat": "vat vatno vatnumber btw btwnummer ust ustid ustidnr umsatzsteuer vatid mwst",
    "coc": "coc kvk kvknummer chamberofcommerce handelsregister handelsregisternummer hrb",
    "eori": "eori eorinumber eorinr",
    "scac": "scac scaccode",
    "website": "website web url homepage webseite",
    "alias": "alias shortname searchname zoeknaam kurzname matchcode suchbegriff",
    "industry": "industry branche sector",
    "license": "transportlicense transportlicence licence license vergunning lizenz",
    "relation": "relation relationtype",
    "verified": "verified geverifieerd verifiziert geprüft",
    "lifecycle": "lifecycle phase",
    "highvalue": "highvalue valuable valuables hoogwaardig waardevol hochwertig highvaluegoods",
}

# What our documents do not have, or where nobody can say that they do.
FOREIGN = {
    "carrier": (
        "carrier haulier forwarder vervoerder frachtführer spediteur spedition expediteur "
        "subcontractor charter transporteur"
    ),
    "driver": "driver chauffeur fahrer bestuurder",
    "vehicle": "vehicle truck fahrzeug lkw voertuig fleet wagen tractor vin telematics",
    "warehouse": (
        "warehouse wh whs magazijn lager depot bin zone aisle shelf dock gate picker picking "
        "rack hall lagerort lagerplatz"
    ),
    "invoice": "invoice billing billto bill factuur rechnung invoiced faktura fakturierung",
    "price": (
        "price rate amount cost costs charge charges fee tariff prijs tarief bedrag kosten "
        "preis betrag kost frachtkosten vrachtprijs vrachtkosten waarde wert revenue discount "
        "korting rabatt turnover omzet umsatz surcharge toeslag zuschlag"
    ),
    "currency": "currency valuta währung curr",
    "bank": (
        "bank iban bic swift account konto rekening ledger grootboek costcenter costcentre "
        "credit krediet kredit limit"
    ),
    "payment": "payment betaling zahlung paid due betaald bezahlt terms betaaltermijn zahlungsziel",
    "tax": "tax belasting steuer duty excise accijns",
    "contact": (
        "contact contactperson contactpersoon ansprechpartner attention attn person firstname "
        "lastname vorname nachname achternaam voornaam"
    ),
    "phone": (
        "phone telephone tel telefoon telefon mobile mobiel gsm fax handy telefonnummer "
        "telefoonnummer phonenumber"
    ),
    "mail": "email mail mailaddress emailaddress emailadres",
    "person": (
        "user employee salesperson salesrep rep planner dispatcher disponent operator "
        "medewerker gebruiker benutzer mitarbeiter sachbearbeiter agent broker signature signed"
    ),
    "done": (
        "actual actually delivered loaded unloaded werkelijk werkelijke tatsächlich geliefert "
        "geladen afgeleverd geleverd"
    ),
    "customs": (
        "countryoforigin origincountry ursprungsland landvanoorsprong mrn lrn hs hscode taric "
        "customs douane zoll tariffcode commoditycode declaration incoterm incoterms "
        "statistical procedure"
    ),
    "insurance": "insurance insured verzekering verzekerd versicherung versicherungs",
    "lot": "lot batch serial chargen batchno partij expiry tht mhd",
    "sku": "sku articleno itemno productcode artikelnummer materialnummer articlecode itemcode",
    "engine": (
        "odometer fuel speed mileage heading ignition engine kilometerstand lat lon lng "
        "latitude longitude breitengrad längengrad"
    ),
    "estimate": "eta etd estimated expected erwartet verwacht verwachte",
    "route": "route tour ritnummer rit stop stops leg sequence seq volgnummer reihenfolge",
    "division": (
        "division branch filiale vestiging department afdeling abteilung tenant site plant werk "
        "region province provincie bundesland county"
    ),
    "service": "service servicelevel level priority prio spoed express",
    "deleted": "deleted cancelled canceled geannuleerd storniert cancellation",
    "language": "language taal sprache locale version versie",
    "group": "group groep gruppe parent",
}

# What some words mean, the others of the name tell: sent to an address, sent on a day; the number
# of a load, the day of loading.
_LOAD = "load loads"
_SENT = "ship shipping verzend verzending versand"
_FILLERS = (
    "of the der die das de het en et in for per at on info details detail data text header body "
    "main primary record row full message root payload party requested req actual "
    "scheduled planned gewenst gewenste gewünscht gewünschte geplant geplante gepland geplande am "
    "vom im voor special is has erp wms tms sap"
)
_LINKS = ("", "s", "n", "en", "es", "e", "er")  # between the parts of a Dutch or German word
_SHORT_PARTS = frozenset({"no", "nr", "id", "dt", "kg", "cm"})
_SHORTEST_PART = 3
_LONGEST_PART = 24
_TOGETHER = 3  # pieces that may be one word, as `zip`, `code`

_PIECE = re.compile(
    r"[A-ZÄÖÜ]+(?=[A-ZÄÖÜ][a-zà-ÿß])|[A-ZÄÖÜ]?[a-zà-ÿß]+|[A-ZÄÖÜ]+|[0-9]+|[^\W\d_]+"
)
_MEASURED = frozenset({"weight", "volume", "size", "length", "width", "height"})
# Those of the words that mean somebody: others of the same scope may be a place or a moment.
_SOMEBODY = (
    "shipper consignor sender exporter afzender verzender absender versender verlader exporteur "
    "consignee receiver recipient importer addressee geadresseerde ontvanger empfänger importeur"
)
# Codes, those of EDI too, for whom a party or a stop is, where nothing else is said.
_PARTY_CODES = {
    "pick": "sender", "load": "sender", "drop": "addressee",
    "cz": "sender", "sf": "sender", "sh": "sender", "pu": "sender", "oz": "sender",
    "cn": "addressee", "st": "addressee", "dp": "addressee", "uc": "addressee", "do": "addressee",
    "by": "customer", "ob": "customer",
}  # fmt: skip


def meanings(name: str) -> tuple[tuple[str, str], ...]:
    """The words of a name, each with what it means; at most `LONGEST` characters are looked at."""
    return _meanings(name[:LONGEST])


@lru_cache(maxsize=4096)
def _meanings(name: str) -> tuple[tuple[str, str], ...]:
    pieces = [_fold(each) for each in _PIECE.findall(unicodedata.normalize("NFC", name))]
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(pieces):
        for length in range(min(_TOGETHER, len(pieces) - place), 0, -1):
            word = "".join(pieces[place : place + length])
            if meaning := _table().get(word):
                found.append((word, meaning))
                place += length
                break
        else:
            found += _divided(pieces[place])
            place += 1
    return tuple(_resolved(found))


def _resolved(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What some words mean beside the others: a number of pallets is no pallet number."""
    heard = [meaning for _, meaning in found]
    dated = bool({"date", "time", "from", "until"} & set(heard))
    counts = heard[:1] == ["number"] and {"package", "piece"} & set(heard)
    becomes = {
        "sent": UNKNOWN if len(found) == 1 else "sender" if dated else "addressee",
        "load": "sender" if dated else "order",
        "number": "quantity" if counts else "number",
    }
    if _MEASURED & set(heard):
        found = [(word, "unit" if word == "units" else meaning) for word, meaning in found]
    return [(word, becomes.get(meaning, meaning)) for word, meaning in found]


def _divided(piece: str) -> list[tuple[str, str]]:
    """The words that a piece is put together from: as few as can be, or it is unknown."""
    if piece.isdigit():
        return [(piece, DIGIT)]
    if len(piece) > LONGEST // 2:
        return [(piece, UNKNOWN)]
    table = _table()
    best: list[list[tuple[str, str]] | None] = [None] * (len(piece) + 1)
    best[0] = []
    for start in range(len(piece)):
        if (before := best[start]) is None:
            continue
        for end in range(start + 2, min(len(piece), start + _LONGEST_PART) + 1):
            word = piece[start:end]
            if (end - start < _SHORTEST_PART and word not in _SHORT_PARTS) or word not in table:
                continue
            made = [*before, (word, table[word])]
            for link in _LINKS:
                after = end + len(link)
                # A link is between words; behind the last it is a plural, and of no short word.
                ends = after == len(piece)
                if piece[end:after] != link or (link and ends and end - start <= _SHORTEST_PART):
                    continue
                if (known := best[after] if after <= len(piece) else made) is None or len(
                    known
                ) > len(made):
                    best[after] = made
    return best[-1] or [(piece, UNKNOWN)]


@cache
def somebody() -> frozenset[str]:
    """The words that alone are enough for a name: `consignee`, but not `destination`."""
    return frozenset(each for word in _SOMEBODY.split() for each in (_fold(word), _bare(word)))


@cache
def _table() -> dict[str, str]:
    """Every word with what it means, with its umlauts written in either way."""
    made: dict[str, str] = {}
    groups = {**SCOPES, **CONCEPTS, **FOREIGN, "sent": _SENT, "load": _LOAD, FILLER: _FILLERS}
    for meaning, words in groups.items():
        for word in words.split():
            for folded in {_fold(word), _bare(word)}:
                made.setdefault(folded, meaning)
    return made


def _fold(word: str) -> str:
    small = word.lower()
    for letter, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        small = small.replace(letter, written)
    return _bare(small)


def _bare(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.lower().replace("ß", "ss"))
    return "".join(each for each in apart if not unicodedata.combining(each))


def party(said: str) -> str | None:
    """Whom a value such as `PICKUP` or `CN` says that its object is about; None if nobody."""
    if meaning := _PARTY_CODES.get(said.strip().lower()):
        return meaning
    found = {meaning for _, meaning in meanings(said)} & {"sender", "addressee", "customer"}
    return found.pop() if len(found) == 1 and len(said) <= 40 else None
