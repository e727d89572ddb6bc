using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Frontend.Tests.Telemetry;

/// <summary>Values of OpenTelemetry's variables that its library would pass over without a word.</summary>
public sealed class TelemetryVariablesTests
{
    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "rubbish")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "ftp://collector")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http")]
    [InlineData("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "secret")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "a name=value")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "name=one%0d%0atwo")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "a%20name=value")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "name=one%2Ctwo")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "10s")]
    [InlineData("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "rising")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "buckets")]
    [InlineData("OTEL_RESOURCE_ATTRIBUTES", "region")]
    [InlineData("OTEL_TRACES_SAMPLER", "sometimes")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG", "50%")]
    [InlineData("OTEL_BSP_SCHEDULE_DELAY", "-1")]
    [InlineData("OTEL_BSP_EXPORT_TIMEOUT", "0")]
    [InlineData("OTEL_BSP_MAX_QUEUE_SIZE", "many")]
    [InlineData("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "1e3")]
    [InlineData("OTEL_SPAN_EVENT_COUNT_LIMIT", "none")]
    [InlineData("OTEL_SDK_DISABLED", "yes")]
    public void Value_ThatMeansNothing_IsAMistakeThatNamesItsVariable(string name, string value)
    {
        var mistake = Assert.Single(Find((name, value)));

        Assert.StartsWith($"{name} must ", mistake, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", mistake, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_ThatTheLibraryReads_AreNoMistake() => Assert.Empty(Find(
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4317/path"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a=b, x-team=agents,"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod,region=eu"),
        ("OTEL_SERVICE_NAME", "anything at all"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
        ("OTEL_LOG_LEVEL", "of another library"),
        ("OTEL_TRACES_EXPORTER", "")));

    private static IReadOnlyList<string> Find(params (string Name, string Value)[] variables) =>
        TelemetryVariables.FindMistakes(new ConfigurationBuilder().AddInMemoryCollection(
            variables.Select(static variable => KeyValuePair.Create(variable.Name, (string?)variable.Value))).Build());
}
