terraform {
  required_version = ">= 1.6"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.55"
    }
  }
}

# Every call goes to Azure Government. Its endpoints speak TLS 1.2 with FIPS 140 validated modules; there are no others to choose.
provider "azurerm" {
  environment         = "usgovernment"
  storage_use_azuread = true

  features {
    key_vault {
      purge_soft_delete_on_destroy = false
    }
  }
}
