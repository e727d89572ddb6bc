using Orleans.Services;

namespace Evergrain.Grains.Moving;

/// <summary>What a silo tells others of itself.</summary>
/// <param name="Conversations">How many are warm there.</param>
/// <param name="IsDraining">Whether it gives all of them away, and takes none.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.SiloLoad")]
internal readonly record struct SiloLoad([property: Id(0)] int Conversations, [property: Id(1)] bool IsDraining);

/// <summary>Silos tell each other their loads: every few seconds, and at once when one begins to drain.</summary>
[Alias("evergrain.ISiloLoads")]
internal interface ISiloLoads : IGrainService
{
    /// <summary>Takes a silo's load; gives this one's.</summary>
    [Alias("Exchange")]
    Task<SiloLoad> Exchange(SiloAddress silo, SiloLoad load);
}
