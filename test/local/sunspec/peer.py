"""A second implementation, to make test/vectors/sunspec*.json from the official model definitions.

    python3 peer.py DIR_OF_OFFICIAL_MODELS DIR_OF_VECTORS

It shares no line with src/local/sunspec: offsets are counted here by themselves, words come from Python's
struct. Every group that repeats stands twice.
"""
import hashlib
import json
import pathlib
import struct
import sys

official, vectors = map(pathlib.Path, sys.argv[1:])
SOURCE = 'test/local/sunspec/peer.py over github.com/sunspec/models 7abdf89'


def lines(group, path, offset):
    found = []
    for point in group.get('points', []):
        sf = point.get('sf', '-')
        facts = [point['type'], point['size'], point.get('access', 'R'), sf, point.get('mandatory', 'O')]
        found.append(' '.join(map(str, [path + point['name'], offset, *facts])))
        offset += point['size']
    for inner in group.get('groups', []):
        for at in range(2 if 'count' in inner else 1):
            more, offset = lines(inner, f"{path}{inner['name']}[{at}].", offset)
            found += more
    return found, offset


layout = {}
for file in sorted(official.glob('model_*.json'), key=lambda f: int(f.stem[6:])):
    model = json.loads(file.read_text())
    found, end = lines(model['group'], '', 0)
    digest = hashlib.sha256('\n'.join(found).encode()).hexdigest()[:32]
    layout[model['id']] = {'points': len(found), 'words': end, 'sha256': digest}


def words(packed):
    return [int.from_bytes(packed[at:at + 2], 'big') for at in range(0, len(packed), 2)]


values = []
FORMATS = {
    'int16': 'h', 'sunssf': 'h', 'uint16': 'H', 'enum16': 'H', 'bitfield16': 'H', 'acc16': 'H', 'count': 'H',
    'raw16': 'H', 'int32': 'i', 'uint32': 'I', 'enum32': 'I', 'bitfield32': 'I', 'acc32': 'I', 'int64': 'q',
    'uint64': 'Q', 'bitfield64': 'Q', 'acc64': 'Q', 'float32': 'f', 'float64': 'd',
}
for kind, code in FORMATS.items():
    bits = 8 * struct.calcsize('>' + code)
    if code in 'fd':
        samples = [0.0, 1.5, -230.25, 1e-3, 3.0e38]
    elif code.islower():
        samples = [0, 1, -1, 2 ** (bits - 1) - 1, -2 ** (bits - 1) + 1]
    else:
        samples = [1, 2 ** (bits - 1), 2 ** bits - 2]
    if bits == 64 and code not in 'd':
        samples += [2 ** 53 - 1, 2 ** 53, 2 ** 53 + 1]
    for sample in samples:
        packed = struct.pack('>' + code, sample)
        (back,) = struct.unpack('>' + code, packed)
        values.append({'type': kind, 'words': words(packed), 'value': back if code in 'fd' else str(back)})


def write(name, rows):
    body = ',\n'.join(f'  {row}' for row in rows)
    (vectors / name).write_text(f'{{\n "source": {json.dumps(SOURCE)},\n "rows": [\n{body}\n ]\n}}\n')


write('sunspec-layout.json', [json.dumps({'id': key, **row}) for key, row in layout.items()])
write('sunspec-values.json', [json.dumps(row) for row in values])
