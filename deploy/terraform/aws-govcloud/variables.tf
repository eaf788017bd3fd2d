variable "region" {
  description = "A GovCloud region."
  type        = string
  default     = "us-gov-west-1"

  validation {
    condition     = startswith(var.region, "us-gov-")
    error_message = "A GovCloud region: us-gov-west-1 or us-gov-east-1."
  }
}

variable "network" {
  description = "The chain's name, as in genesis. Part of the bucket's name, which no other account may have."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$", var.network))
    error_message = "3 to 32 small letters, digits and hyphens."
  }
}

variable "members" {
  description = "Validators that run here, by name; zone is the index of the region's zone. Over zones as evenly as can be."
  type        = map(object({ zone = number }))
  default = {
    alice = { zone = 0 }
    bob   = { zone = 1 }
    carol = { zone = 2 }
    dave  = { zone = 0 }
  }

  validation {
    condition     = alltrue([for member in var.members : member.zone >= 0 && member.zone <= 2])
    error_message = "Zones are 0, 1 and 2."
  }
}

variable "image_id" {
  description = "AMI of Debian 12 or later, x86-64, with its SSM agent: the operator's own, hardened and with FIPS mode where that is asked for."
  type        = string
}

variable "instance_type" {
  description = "Two cores with AVX2 and 8 GB at least; not a burstable type, which votes late once its credits are gone."
  type        = string
  default     = "c6i.xlarge"
}

variable "data_gb" {
  description = "Volume of the databases."
  type        = number
  default     = 100
}

variable "package" {
  description = "Key of the validator's .deb in the bucket; uploaded after the bucket is there, before the machines are."
  type        = string
  default     = "releases/validator_0.1.0_amd64.deb"
}

variable "peer_networks" {
  description = "Networks of validators elsewhere; QUIC passes from and to them."
  type        = list(string)
  default     = []
}

variable "vpc_cidr" {
  description = "Addresses of the VPC; each zone takes a sixteenth."
  type        = string
  default     = "10.77.0.0/16"
}
