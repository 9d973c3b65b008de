"""A module's structure anew on the same tensors: what is done to it, the module does not see."""

from types import MethodType
from typing import Any

import torch
from torch import nn

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def unwrapped(module: Any) -> Any:
    """The module inside of `torch.compile`, DataParallel and DistributedDataParallel."""
    while True:
        # Of an nn.Module one asks its parts: `vars` of a wrapper has attributes of both kinds.
        inner = module._modules.get("_orig_mod") if isinstance(module, nn.Module) else None
        if isinstance(module, PARALLEL):
            inner = module.module
        elif not isinstance(module, nn.Module):
            inner = getattr(module, "_torchdynamo_orig_callable", None)
        if inner is None:
            return module
        module = inner


def replica(module: Any) -> Any:
    """A module of the same classes in eval mode, without wrappers, tensors shared.

    Attributes, hooks and the lists of them are its own, as are its submodules (one that is used
    twice is again one); what refers to a submodule, a method as well, refers to the replica's.
    Parts that are TorchScript stay what they are: they have no attributes in Python.
    """
    parts = {
        id(part): part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)
    }
    made = {key: object.__new__(type(part)) for key, part in parts.items()}

    def renewed(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return made.get(id(unwrapped(value)), value)
        owner = getattr(value, "__self__", None) if isinstance(value, MethodType) else None
        return MethodType(value.__func__, made[id(owner)]) if id(owner) in made else value

    for key, part in parts.items():
        own = vars(made[key])
        for name, value in vars(part).items():
            kind = type(value)
            if isinstance(value, dict) and hasattr(value, "copy"):
                value = value.copy()
                for one in value:
                    value[one] = renewed(value[one])
            elif kind in (list, set, tuple):
                value = kind([renewed(one) for one in value])
            own[name] = renewed(value)
        own["training"] = False
        own.pop("_compiled_call_impl", None)  # of `module.compile()`
    return renewed(module)
