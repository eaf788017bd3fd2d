variable "location" {
  description = "A region of Azure Government. US Gov Virginia has zones."
  type        = string
  default     = "usgovvirginia"

  validation {
    condition     = startswith(var.location, "usgov") || startswith(var.location, "usdod")
    error_message = "A region of Azure Government, such as usgovvirginia."
  }
}

variable "network" {
  description = "The chain's name, as in genesis. Part of the storage account's and the vault's names, which nobody else may have."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,11}$", var.network))
    error_message = "3 to 12 small letters and digits, a letter first."
  }
}

variable "members" {
  description = "Validators that run here, by name, and the zone of each. Over zones as evenly as can be."
  type        = map(object({ zone = string }))
  default = {
    alice = { zone = "1" }
    bob   = { zone = "2" }
    carol = { zone = "3" }
    dave  = { zone = "1" }
  }

  validation {
    condition     = alltrue([for member in var.members : contains(["1", "2", "3"], member.zone)])
    error_message = "Zones are 1, 2 and 3."
  }
}

variable "image_id" {
  description = "Image of Debian 12 or later, x86-64: the operator's own, with the validator's package, hardened, and with FIPS mode where that is asked for."
  type        = string
}

variable "machine_size" {
  description = "Two cores with AVX2 and 8 GB at least; not a burstable size, which votes late once its credits are gone."
  type        = string
  default     = "Standard_D4s_v5"
}

variable "data_gb" {
  description = "Disk of the databases."
  type        = number
  default     = 128
}

variable "admin_key" {
  description = "Public SSH key of the operator, who comes from operator_network alone."
  type        = string
}

variable "operator_network" {
  description = "From where SSH is allowed: a bastion's or a VPN's network."
  type        = string

  validation {
    condition     = can(cidrhost(var.operator_network, 0)) && !endswith(var.operator_network, "/0")
    error_message = "A network in CIDR form, and not all of them."
  }
}

variable "peer_networks" {
  description = "Networks of validators elsewhere; QUIC passes from and to them."
  type        = list(string)
  default     = []
}

variable "vnet_cidr" {
  description = "Addresses of the virtual network."
  type        = string
  default     = "10.78.0.0/16"
}
