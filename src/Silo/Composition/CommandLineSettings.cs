namespace Evergrain.Silo.Composition;

/// <summary>What the command line says; null and empty mean that it says nothing.</summary>
internal sealed class CommandLineSettings
{
    /// <summary>Values by option name.</summary>
    public required IReadOnlyDictionary<string, string?> Scalars { get; init; }

    /// <summary>The settings file; null means the one in the working directory, if there is one.</summary>
    public required string? SettingsFile { get; init; }

    /// <summary>Names of the demo model; they replace those of the environment and the file.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Keys; they replace those of the environment and the file.</summary>
    public required IReadOnlyList<string> ApiKeys { get; init; }
}
