using Orleans.Storage;

namespace Evergrain.Silo.Membership;

/// <summary>
/// Writes what grains keep as plain JSON: the names of types do not get into the database, so they may change.
/// </summary>
internal sealed class StateSerializer : IGrainStorageSerializer
{
    /// <inheritdoc/>
    public BinaryData Serialize<T>(T? input) => BinaryData.FromObjectAsJson(input);

    /// <inheritdoc/>
    public T Deserialize<T>(BinaryData input) => input.ToObjectFromJson<T>() ??
        throw new InvalidDataException($"What is kept as {typeof(T).Name} holds nothing.");
}
