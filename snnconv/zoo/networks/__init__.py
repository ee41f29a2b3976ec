"""Networks of our own: the ones that papers on spiking networks train on CIFAR, Tiny-ImageNet and events.

All are ordinary networks with ReLU. For anything else there is timm.
"""

from snnconv.zoo.networks.ds_resnet import DSResNet
from snnconv.zoo.networks.ms_resnet import MSResNet
from snnconv.zoo.networks.registry import NETWORKS
from snnconv.zoo.networks.resnet import ResNet
from snnconv.zoo.networks.small import SmallCNN
from snnconv.zoo.networks.vgg import VGG

__all__ = ["NETWORKS", "VGG", "DSResNet", "MSResNet", "ResNet", "SmallCNN"]
