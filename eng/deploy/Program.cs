using k8s;

// Reads manifests from standard input into the official client's types, strictly: a field that no type has, and a key given
// twice, are errors. Prints each again as JSON, a line each, or says what is wrong and ends with 1. Kinds of the Prometheus
// operator have no type there; they come out as they went in.
string text = await Console.In.ReadToEndAsync();
Dictionary<string, Type> operators = new()
{
    ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(Dictionary<string, object>),
    ["monitoring.coreos.com/v1/PrometheusRule"] = typeof(Dictionary<string, object>),
};
try
{
    foreach (object read in KubernetesYaml.LoadAllFromString(text, operators, strict: true))
    {
        Console.WriteLine(KubernetesJson.Serialize(read));
    }

    return 0;
}
catch (Exception fault)
{
    string why = fault.InnerException is null ? fault.Message : $"{fault.Message}: {fault.InnerException.Message}";
    await Console.Error.WriteLineAsync(why);
    return 1;
}
