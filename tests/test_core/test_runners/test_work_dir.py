from cite.core.runners.work_dir import latest_checkpoint, remove_leftovers


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_latest_is_what_the_link_says(tmp_path):
    for n in (8, 12, 100):
        (tmp_path / f'iter_{n}.pth').touch()
    (tmp_path / 'latest.pth').symlink_to('iter_12.pth')  # 100 is of an earlier run

    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'latest.pth')


def test_without_a_link_it_is_the_highest_number(tmp_path):
    for name in ('iter_8.pth', 'iter_12.pth', 'iter_16.pth.partial', 'best_99.pth'):
        (tmp_path / name).touch()
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_12.pth')

    (tmp_path / 'latest.pth').symlink_to('gone.pth')
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_12.pth')


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert latest_checkpoint(str(tmp_path)) is None
    assert latest_checkpoint(str(tmp_path / 'nowhere')) is None


def test_only_what_was_left_half_done_is_removed(tmp_path):
    for name in ('iter_8.pth', 'iter_12.pth.partial', 'notes.partial', 'log.json'):
        (tmp_path / name).touch()
    (tmp_path / 'latest.pth.partial').symlink_to('iter_12.pth')
    (tmp_path / '.eval_hook').mkdir()
    (tmp_path / '.eval_hook' / 'part_0.pkl').touch()

    removed = remove_leftovers(str(tmp_path))

    assert sorted(removed) == [
        '.eval_hook',
        'iter_12.pth.partial',
        'latest.pth.partial',
    ]
    assert names(tmp_path) == ['iter_8.pth', 'log.json', 'notes.partial']
