using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Http;

/// <summary>One packed body on its way to what it was, a piece at a time.</summary>
internal interface IUnpacking : IDisposable
{
    /// <summary>Unpacks into what is free of a buffer; false: everything is there.</summary>
    /// <exception cref="InvalidDataException">The packed bytes are broken, or end too early.</exception>
    bool Step(RentedBuffer body);
}
