"""What a layer reads and what is asked of its outputs, measured over images: by that, pruning knows what weights are worth.

The Hessian of the loss of a layer is taken as the product of the covariance of what the layer reads and of the second moments of the
gradients of what it makes (K-FAC, Martens and Grosse, arXiv:1503.05671), as in EigenDamage (Wang et al., arXiv:1905.05934).
"""

import torch
import torch.nn.functional as F

import network as networks


def mixing_layers(model):
    """The layers that mix channels at one place, by name: 1 x 1 convolutions and the last one."""
    return {name: module for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) or (isinstance(module, networks.SameConv) and module.kernel_size == (1, 1))}


def measure(model, batches):
    """Of each layer of mixing_layers: the mean [K] and covariance [K, K] of what it reads, and the second moments [N, N] of the
    gradients of what it makes. batches: inputs with labels, of about the same size."""
    sums = {name: [0, 0, 0, 0] for name in mixing_layers(model)}

    def rows(x):
        return x.detach() if x.ndim == 2 else x.detach().permute(0, 2, 3, 1).flatten(0, 2)

    def watch(name):
        def note_gradient(gradient):
            sums[name][3] = sums[name][3] + (rows(gradient).T @ rows(gradient)).double()

        def note(_, arguments, result):
            x = rows(arguments[0])
            for index, part in enumerate((len(x), x.sum(0).double(), (x.T @ x).double())):
                sums[name][index] = sums[name][index] + part
            result.register_hook(note_gradient)
        return model.get_submodule(name).register_forward_hook(note)

    hooks = [watch(name) for name in sums]
    training = model.training
    model.eval()
    for x, labels in batches:
        x.requires_grad_()  # gradients flow through all layers, and none of weights is computed
        torch.autograd.grad(F.cross_entropy(model(x), labels), x)
    for hook in hooks:
        hook.remove()
    model.train(training)
    return {name: (total / count, squares / count - torch.outer(total, total) / count**2, gradients / count)
            for name, (count, total, squares, gradients) in sums.items()}


def fit(weight, covariance, stay, ridge):
    """The weights [N, K] that read only the channels `stay` and come closest in what they make: what the others tell about those that
    are gone is put into theirs (He, Zhang, Sun, arXiv:1707.06168). stay: a mask [K]."""
    weight, lost = weight.clone(), weight[:, ~stay]
    own = covariance[stay][:, stay]
    own = own + ridge * own.diagonal().mean() * torch.eye(len(own)).double()  # few images leave directions that do not vary
    weight[:, stay] += lost @ torch.linalg.solve(own, covariance[stay][:, ~stay]).T
    weight[:, ~stay] = 0
    return weight
