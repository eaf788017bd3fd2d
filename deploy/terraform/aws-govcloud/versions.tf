terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

# Every call goes to the FIPS 140 endpoints of GovCloud.
provider "aws" {
  region            = var.region
  use_fips_endpoint = true

  default_tags {
    tags = { project = "validator", network = var.network }
  }
}
