namespace Evergrain.Silo.Commands;

/// <summary>The file that <c>export</c> writes and <c>import</c> reads.</summary>
internal static class ExportFormat
{
    /// <summary>Its member <c>object</c>.</summary>
    public const string Kind = "evergrain.export";

    /// <summary>Its member <c>version</c>.</summary>
    public const int Version = 1;

    /// <summary>Depth of its JSON: items stand some levels deeper than in a create.</summary>
    public const int DepthMax = 128;
}
