"""What a split says of a table that is probably mistaken."""

import re

import pytest

from cite.apis.split.split import make_split

CLASSES = {'A': ['A'], 'B': ['B']}


def make_data(folder, rows, patches, header='id,subtype,text,patient'):
    """Write rows of a table, and empty patches."""
    (folder / 'patches_captions').mkdir(parents=True)
    (folder / 'captions.csv').write_text('\n'.join([header, *rows]) + '\n')
    for name in patches:
        (folder / 'patches_captions' / name).touch()
    return folder


def eight(folder, patient, suffix='', names='{}_0.jpg'):
    """Write slides A1 to A4 and B1 to B4."""
    slides = [f'{c}{i}' for c in 'AB' for i in range(1, 5)]
    rows = [f'{s},{s[0]},,{patient(s)}{suffix if s[1] == "1" else ""}' for s in slides]
    return make_data(folder, rows, [names.format(s) for s in slides])


def split(data, **options):
    options = {'val': 0.5, 'shots': [1], 'classes': CLASSES, **options}
    return make_split(data, data / 'ann', **options)


def sides(made, patient):
    """Return the patients of evaluation and of training."""
    both = []
    for name in ('val_0.5', 'train_all_0.5'):
        (lines,) = [v for path, v in made.files.items() if path.stem == name]
        both.append({patient(line.filename.split('_')[0]) for line in lines})
    return both


def pairs(slide):
    return f'{slide[0]}P{(int(slide[1]) + 1) // 2}'


@pytest.mark.parametrize('suffix', [' ', '\xa0', '\t', '\u200b', '  '])
@pytest.mark.parametrize('seed', range(3))
def test_a_patient_with_a_blank_stays_on_one_side(tmp_path, suffix, seed):
    made = split(eight(tmp_path / 'd', pairs, suffix), group_by='patient', seed=seed)
    evaluated, trained = sides(made, pairs)
    assert not evaluated & trained
    assert len(evaluated | trained) == 4


@pytest.mark.parametrize(
    ('first', 'second'),
    [('p1', 'P1'), ('001', '1'), ('1.0', '1'), ('Müller', 'MÜLLER')],
)
def test_groups_that_look_alike_are_warned_of(tmp_path, first, second):
    def patient(slide):
        return {'A1': first, 'A2': second}.get(slide, slide)

    notes = split(eight(tmp_path / 'd', patient), group_by='patient').notes
    (warning,) = [note for note in notes if 'probably meant to be the same' in note]
    assert warning.startswith('warning: groups')
    assert f"'{first}' = '{second}'" in warning


def test_ids_that_look_alike_are_warned_of(tmp_path):
    data = eight(tmp_path / 'd', pairs)
    (data / 'patches_captions' / 'a1_9.jpg').touch()
    notes = split(data).notes
    assert any(re.match("warning: slide ids.*'A1' = 'a1'", note) for note in notes)


@pytest.mark.parametrize('written', ['A ', ' A', '\xa0A', '"A"', '" A"'])
def test_a_subtype_with_blanks_is_no_other(tmp_path, written):
    data = eight(tmp_path / 'd', pairs)
    table = data / 'captions.csv'
    table.write_text(table.read_text().replace('A1,A,', f'A1,{written},'))
    made = split(data)
    assert (
        sum(len(lines) for path, lines in made.files.items() if 'all' in path.name) == 4
    )
    assert not [note for note in made.notes if 'no class' in note]


def test_a_subtype_in_other_letters_and_one_without_slides_are_warned_of(tmp_path):
    data = eight(tmp_path / 'd', pairs)
    table = data / 'captions.csv'
    table.write_text(table.read_text().replace('A1,A,', 'A1,a,'))
    notes = split(data, classes={'A': ['A'], 'B': ['B', 'Bsignet']}).notes
    assert any(re.match("warning: subtypes.*'A' = 'a'", note) for note in notes)
    assert any(re.match("warning: no slide.*'Bsignet'", note) for note in notes)


def test_patients_on_both_sides_of_a_split_by_slides_are_counted(tmp_path):
    made = split(eight(tmp_path / 'd', pairs))
    evaluated, trained = sides(made, pairs)
    both = evaluated & trained
    (note,) = [note for note in made.notes if 'patient' in note]
    assert both
    assert note.startswith(f'warning: {len(both)} of 4 patients')
    assert note.endswith('--group-by patient')
    made = split(eight(tmp_path / 'own', lambda slide: slide))
    assert 'no patient is on both sides' in made.notes


def test_an_empty_patient_is_said(tmp_path):
    data = eight(tmp_path / 'd', lambda slide: '' if slide == 'B2' else slide)
    (note,) = [note for note in split(data).notes if 'patient' in note]
    assert re.match(r'warning: patients are not looked at: .*:7: no patient', note)


@pytest.mark.parametrize(
    ('names', 'said'),
    [('{}-0.png', '"_"'), ('{}.png', '"_"'), ('x_{}.png', '"_"'), ('0{}_0.png', '"_"')],
)
def test_ids_that_fit_no_patch_say_how_they_would(tmp_path, names, said):
    data = eight(tmp_path / 'd', pairs, names=names)
    with pytest.raises(ValueError, match='none of the 8 ids') as error:
        split(data)
    assert said in str(error.value)
    assert 'zenodo' not in str(error.value)
    assert 'A1' in str(error.value)


@pytest.mark.parametrize(('id_', 'patch'), [('1', '001'), ('1.0', '1'), ('x1', 'X1')])
def test_ids_that_a_spreadsheet_changed_are_recognised(tmp_path, id_, patch):
    rows = [f'{id_},A,,1', 'other,B,,2']
    data = make_data(tmp_path / 'd', rows, [f'{patch}_0.png'])
    with pytest.raises(ValueError, match=f"id '{id_}' and the slide '{patch}'"):
        split(data)
