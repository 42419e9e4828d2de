import pytest
import torch
from mmcls.models import build_backbone


def test_features_pass_as_they_are():
    features = torch.randn(3, 8)
    assert build_backbone({'type': 'FeatureBackbone'})(features) is features
    checked = build_backbone({'type': 'FeatureBackbone', 'in_features': 8})
    assert checked(features) is features
    assert not checked.state_dict()


def test_images_or_another_width_are_an_error():
    with pytest.raises(ValueError, match=r'\(1, 3, 8, 8\).*feature_file'):
        build_backbone({'type': 'FeatureBackbone'})(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r'8 wide.*in_features is 4'):
        build_backbone({'type': 'FeatureBackbone', 'in_features': 4})(torch.zeros(1, 8))
