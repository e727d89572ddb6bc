namespace Evergrain.Grains;

/// <summary>Where grains keep what is not in a journal.</summary>
public static class ClusterStorage
{
    /// <summary>The name of the storage that a silo must have.</summary>
    public const string Name = "evergrain";
}
