namespace Evergrain.Frontend.Http;

/// <summary>Something that a server must have before it takes work, such as its place in a cluster.</summary>
internal interface IReadiness
{
    /// <summary>What is missing, as a sentence for people; null: nothing.</summary>
    string? Obstacle { get; }
}
